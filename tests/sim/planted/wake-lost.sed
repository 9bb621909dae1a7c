# Proactor.cpp: the owner goes to sleep although it has been woken
s/if (InterlockedCompareExchange(&proactor->wake_state, ASLEEP, AWAKE) == WOKEN) return NO_INDEX;/InterlockedExchange(\&proactor->wake_state, ASLEEP);/
