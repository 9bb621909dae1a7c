# Proactor.cpp: the count of sessions is read without cs
/^static void proactor_read_news/,/^}/{/CriticalSection/d}
