# Proactor.cpp: a send that fails at once in woken() is not followed by a sweep, though it has reset the event of all
/^static void send_post/,/^}/s/^    session->proactor->look_again = true;/    if (session->sending) session->proactor->look_again = true;/
