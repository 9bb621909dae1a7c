# Proactor.cpp: the owner goes to sleep although it was woken meanwhile
s/if (InterlockedCompareExchange(&proactor->wake_state, ASLEEP, AWAKE) == WOKEN) return NO_INDEX;/InterlockedExchange(\&proactor->wake_state, ASLEEP);/
