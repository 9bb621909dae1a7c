# Proactor.cpp: exercise 2 mended by taking out ZeroMemory
/^static void recv_post/,/^}/{/ZeroMemory(&session->over, /d}
