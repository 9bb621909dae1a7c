# Proactor.cpp: a send that fails at once in notified() is not followed by a sweep, though it has reset the event that all share
/^static void send_post/,/^}/s/^    session->proactor->more_work = true;/    if (session->sending) session->proactor->more_work = true;/
