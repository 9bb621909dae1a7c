/* member.h - what the chat knows of a session. */
#ifndef MEMBER_H
#define MEMBER_H

#include "../support/text.h"

enum {
    LOG_BYTES = 1024 * 1024,
    RECENT = 20,                                  /* lines of talk that a newcomer is shown */
    SAY_BYTES = 4095,                             /* a longer line goes out in pieces of at most this size */
    TEXT_BYTES = SAY_BYTES + 2 * NICK_BYTES + 64, /* a whole message: names, text, line end */
    KEYS_BYTES = 256,                             /* this much first input without a line end was not typed */
    SUB_BYTES = 512,                              /* a sub-negotiation that has not ended by then never will */
    COLUMNS_UNKNOWN = 79,   /* where an echoed line goes on in the next row, when the client has not said how wide its
                               terminal is: it has 80 columns or more, and does not break the line itself */
    COLUMNS_LEAST = 10,     /* a client that says less or more than this ... */
    COLUMNS_MOST = 1000,    /* ... is not believed */
    ESCAPE_MS = 400,        /* an escape sequence comes in one piece; after such a pause, other keys are pressed */
    REPLY_KEPT = 256,       /* reply in quiet times */
    REPLY_FULL = 2 * 1024,  /* with so many bytes for the client unsent, its next line waits */
    SBUF_KEPT = 2 * 1024,   /* sbuf in quiet times ... */
    SBUF_MAX = 16 * 1024,   /* ... and in a burst */
    TICK_MS = 50,           /* the shortest tick ... */
    TICK_LIMIT_MS = 200,    /* ... and the longest */
    TICK_BYTES = 16 * 1024, /* tokens that a tick brings: a sustained rate of 320 KB/s */
    BUSY_TICK_BYTES = 2 * 1024,   /* likewise, of a tick in which a Proactor was never idle */
    BUCKET_BYTES = LOG_BYTES / 4, /* the most tokens: a burst after a quiet time */
    MAX_DEFICIT = LOG_BYTES / 8,  /* how far the bucket may be overdrawn */
    CHARGE_BYTES = 128,           /* input is charged in advance, at least this much at a time */
    LINE_COST = 48,               /* of each line, besides its bytes: its record, the name, waking the others */
    LIGHT_BYTES = 512,            /* a charge of at most this size, by an account ... */
    RESTED_MS = 500,              /* ... that was not charged for so long, may overdraw the bucket */
    RETRY_MS = 10,                /* before the next try when the tick is late */
    REASON_BYTES = 128,           /* of why a member is removed */
    REMOVE_MS = 150               /* what is being sent to a member that is removed may still go out */
};

/* Of the telnet protocol (RFC 854). */
enum {
    SE = 240,
    AYT = 246,
    EC = 247, /* erase character */
    EL = 248, /* erase line */
    SB = 250,
    WILL = 251,
    WONT = 252,
    DO = 253,
    DONT = 254,
    IAC = 255,
    BINARY = 0, /* RFC 856: all eight bits */
    ECHO_OPTION = 1,
    SUPPRESS_GO_AHEAD = 3,
    NAWS = 31 /* RFC 1073: the window's size */
};

typedef enum TelnetState { DATA, COMMAND, OPTION, SUBNEGOTIATION, SUB_COMMAND } TelnetState;

/* Of an option on one side (RFC 1143): it is off; the server has asked for it, and was not answered yet; it is on. */
typedef enum OptionState { NO, WANTYES, YES } OptionState;

/* Where an escape sequence stands (ECMA-48). Keys are sent as such, and a terminal's answers. */
typedef enum EscapeState {
    ESCAPE_NONE,
    ESCAPE_ALONE,     /* ESC came as the last byte of a segment: the key Esc, unless it goes on at once */
    ESCAPE_FIRST,     /* behind ESC */
    ESCAPE_CHARSET,   /* behind ESC and intermediate bytes */
    ESCAPE_KEY,       /* behind ESC O */
    ESCAPE_CONTROL,   /* behind ESC [ */
    ESCAPE_NUMBER,    /* ... and digits */
    ESCAPE_REST,      /* ... and others that do not end it */
    ESCAPE_LINUX,     /* behind ESC [ [ */
    ESCAPE_STRING,    /* behind ESC ] or another that begins a string */
    ESCAPE_STRING_END /* ... and ESC, which is half of what ends it */
} EscapeState;

/* The client's terminal: telnet, the line that is being typed, and what is said to this client alone. */
typedef struct Terminal {
    TelnetState telnet;
    unsigned char verb;   /* of the telnet option that is coming: DO, DONT, WILL, WONT */
    ULONG sub_bytes;      /* of the sub-negotiation that is coming ... */
    unsigned char sub[5]; /* ... and the first of them */
    OptionState echo;     /* the server shows what is typed */
    OptionState our_sga;  /* it suppresses "go ahead" */
    OptionState our_binary;
    OptionState peer_sga; /* the same of the client ... */
    OptionState peer_binary;
    OptionState peer_naws; /* ... which tells its terminal's width */
    ULONG width;           /* in columns; 0: unknown */
    bool negotiates;       /* the client has asked for options, or answered */
    bool known;            /* whether it sends lines or keys */
    bool cr;               /* the last byte was CR: a LF or NUL belongs to it */
    EscapeState escape;    /* nothing of a sequence is kept */
    ULONGLONG received_at; /* when its last bytes came */
    UINT page;             /* the client's code page, CP_UTF8 for most */
    bool warned;           /* that some of its bytes are no text */

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
    unsigned long tick;   /* in which it asked last */
    ULONGLONG charged_at; /* when it was charged last */
    long long credit;     /* bytes of work in that tick; below 0: its debt */
} Account;

typedef enum Presence { ABSENT, UNANNOUNCED, ANNOUNCED } Presence;

/* A member as the room has it: guarded by cs. The owner may read what only it changes without: nick, presence. */
typedef struct Participant {
    struct Participant *next;
    LPSession session;
    ULONGLONG came; /* GetTickCount64 time */
    char nick[NICK_BYTES];
    WCHAR wide_nick[NICK_CHARS + 1];   /* the same in UTF-16 */
    unsigned long long joined, cursor; /* its place in the ring buffer when it came; what is before this was sent to it,
                                          or is being sent */
    unsigned long long end_mark;       /* it is leaving, and gets the news up to here; 0: it stays */
    Account account;
    Presence presence;
    volatile LONG removed;     /* 1: the operator removes it; written under cs; Interlocked functions only */
    char reason[REASON_BYTES]; /* then: why, or "" */
} Participant;

/* What the chat knows of a session. All but `in_room` is the owner's alone. */
typedef struct Member {
    Participant in_room;
    Terminal terminal;
    ULONG next_byte, bytes_end; /* what of rbuf was received and not looked at yet */
    LONG prepaid;               /* bytes of work that are charged and not done yet; below 0: done and not charged */
    const char *why;            /* it is leaving, or NULL */
    ULONGLONG remove_at;        /* the operator removes it: when at the latest; else 0 */
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
