# Proactor.cpp: the count of sessions is read without cs
/^static void proactor_take_wake/,/^}/{/CriticalSection/d}
