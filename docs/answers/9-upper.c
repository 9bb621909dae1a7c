/* ---- upper: an echo in capital letters ---- */

static void upper_received(LPSession session, ULONG bytes)
{
    for (ULONG i = 0; i < bytes; i++) {
        char *c = &session->rbuf[i];
        if (*c >= 'a' && *c <= 'z') *c = (char)(*c - 'a' + 'A'); /* toupper() needs a cast, and follows the locale */
    }
    echo_received(session, bytes); /* 0 bytes as well: the end of what the client sends */
}

const Handler upper_handler = { "upper", echo_opened, upper_received, echo_sent, echo_notified, nothing_to_do };
