# Main.cpp: exercise 9 with one static buffer for all sessions
/^static void upper_received/,/^}/{
s/^{/{\n    static char capitals[RBUF_MAX];\n/
s/^    for (ULONG i = 0; i < bytes; i++) {/    if (bytes == 0) {\n        session_finish(session, "closed by the client");\n        return;\n    }\n&/
s/char \*c = &session->rbuf\[i\];/char *c = \&capitals[i];\n        *c = session->rbuf[i];/
s/^    echo_received(session, bytes);.*/    session->swsa[0].buf = capitals;\n    session->swsa[0].len = bytes;\n    session_send(session);/
}
