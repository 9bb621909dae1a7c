# Proactor.cpp: the OVERLAPPED of a receive is not zeroed
/ZeroMemory(&session->over, /d
