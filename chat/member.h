/* member.h - what the chat knows of a session. */
#ifndef MEMBER_H
#define MEMBER_H

#include "../support/text.h"

enum {
    LOG_BYTES = 1024 * 1024,
    RECENT = 20,                                  /* lines of talk that a newcomer is shown */
    SAY_BYTES = 4095,                             /* a longer line goes out in pieces of at most this size */
    TEXT_BYTES = SAY_BYTES + 2 * NICK_BYTES + 64, /* a whole message: names, text, line end */
    KEYS_BYTES = 256,                             /* a first input of so many without a line end is no typed key */
    SUB_BYTES = 512,                              /* a sub-negotiation that has not ended by then never will */
    TERMINAL_COLUMNS = 79,  /* a line that the server echoes goes on in the next row here: a terminal has 80 or more,
                               and does not break it anywhere else, so that the server knows where the cursor is */
    REPLY_KEPT = 256,       /* reply in quiet times */
    REPLY_FULL = 2 * 1024,  /* with so many bytes for the client unsent, its next line waits */
    SBUF_KEPT = 2 * 1024,   /* sbuf in quiet times ... */
    SBUF_MAX = 16 * 1024,   /* ... and in a burst */
    TICK_MS = 50,           /* the shortest tick ... */
    TICK_LIMIT_MS = 200,    /* ... and the longest */
    TICK_BYTES = 16 * 1024, /* tokens that a tick brings: a sustained rate of 320 KB/s */
    BUCKET_BYTES = LOG_BYTES / 4, /* the most tokens: a burst after a quiet time */
    MAX_DEFICIT = LOG_BYTES / 8,  /* how far the bucket may be overdrawn */
    CHARGE_BYTES = 256,           /* input is charged in advance, at least so much at a time */
    LINE_COST = 48,               /* of each line, beside its bytes: its record, the name, waking the others */
    LIGHT_BYTES = 512,            /* a charge of at most this size, by an account ... */
    RESTED_TICKS = 10,            /* ... that was not charged for so many ticks, may overdraw the bucket */
    RETRY_MS = 10                 /* before the next try when the tick is late */
};

/* Of the telnet protocol (RFC 854). */
enum {
    SE = 240,
    AYT = 246,
    SB = 250,
    WILL = 251,
    WONT = 252,
    DO = 253,
    DONT = 254,
    IAC = 255,
    ECHO_OPTION = 1,
    SUPPRESS_GO_AHEAD = 3
};

typedef enum TelnetState { DATA, COMMAND, OPTION, SUBNEGOTIATION, SUB_COMMAND } TelnetState;

/* Of an option that the server may use: it does not; has offered it and not been answered; does. */
typedef enum OptionState { NO, WANTYES, YES } OptionState;

/* The client's terminal: telnet, the line that is being typed, and what is said to this client alone. */
typedef struct Terminal {
    TelnetState telnet;
    ULONG sub_bytes;           /* of the sub-negotiation */
    unsigned char verb;        /* of the telnet option that is coming: DO, DONT, WILL, WONT */
    OptionState echo, our_sga; /* the server shows what is typed; it suppresses "go ahead" */
    bool peer_sga;             /* the client does that */
    bool negotiates;           /* the client has asked for options, or answered */
    bool known;                /* whether it sends lines or keys */
    bool cr;                   /* the last byte was CR: a LF or NUL belongs to it */
    unsigned char escape;      /* the last byte of an escape sequence, of which nothing is kept; 0: there is none */
    UINT page;                 /* the client's code page, CP_UTF8 for most */
    bool warned;               /* that some of its bytes are no text */

    ULONG line;        /* bytes of the unfinished line at the front of rbuf, as they were received */
    bool continued;    /* the front of that line went out already */
    ULONG drawn;       /* bytes of it that were echoed: whole characters */
    ULONG row, column; /* where the cursor is then, counted from the line's beginning */

    char *reply; /* what is said to this client alone, and the echo */
    ULONG reply_len, reply_size;
    ULONG reply_out; /* bytes of it that are being sent: until then it must stay as it is */
} Terminal;

/* What somebody may still make the room do. */
typedef struct Account {
    unsigned long tick, charged_in; /* in which it asked last; in which it was charged last */
    long long credit;               /* bytes of work in that tick; below 0: its debt */
} Account;

typedef enum Presence { ABSENT, UNANNOUNCED, ANNOUNCED } Presence;

/* A member as the room has it: guarded by cs. The owner may read what only it changes without: nick, presence. */
typedef struct Participant {
    struct Participant *next;
    char nick[NICK_BYTES];
    WCHAR wide_nick[NICK_CHARS + 1];   /* the same in UTF-16 */
    unsigned long long joined, cursor; /* its place in the ring buffer when it came; what is before this was sent to it,
                                          or is being sent */
    unsigned long long end_mark;       /* it is leaving, and gets the news up to here; 0: it stays */
    Account account;
    Presence presence;
} Participant;

/* What the chat knows of a session. All but `in_room` is the owner's alone. */
typedef struct Member {
    Participant in_room;
    Terminal terminal;
    ULONG next_byte, bytes_end; /* what of rbuf was received and not looked at yet */
    LONG prepaid;               /* bytes of work that are charged and not done yet; below 0: done and not charged */
    const char *why;            /* it is leaving, or NULL */
} Member;

static inline Member *member_of(LPSession session)
{
    return (Member *)session->state;
}

static inline Terminal *terminal_of(LPSession session)
{
    return &member_of(session)->terminal;
}

#endif
