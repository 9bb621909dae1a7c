# Proactor.cpp: exercise 2 fixed wrongly by taking out ZeroMemory
/^static void recv_post/,/^}/{/ZeroMemory(&session->over, /d}
