/* member.h - what the chat knows about a session. */
#ifndef MEMBER_H
#define MEMBER_H

#include "../support/text.h"

enum {
    LOG_BYTES = 1024 * 1024,                      /* the room's ring buffer */
    RECENT = 20,                                  /* lines of talk that a newcomer is shown */
    SAY_BYTES = 4095,                             /* a longer line goes out in pieces of at most this size */
    TEXT_BYTES = SAY_BYTES + 2 * NICK_BYTES + 64, /* a whole message: names, text, line end */
    KEYS_BYTES = 256,                             /* a first input this long without a line end was not typed */
    SUB_BYTES = 512,                              /* a sub-negotiation that has not ended by then never will */
    COLUMNS_UNKNOWN = 79,   /* the echo's width while the terminal's is unknown: terminals have 80 columns or more, so
                               they never wrap the line themselves */
    COLUMNS_LEAST = 10,     /* a client that reports fewer than this ... */
    COLUMNS_MOST = 1000,    /* ... or more than this is not believed */
    ESCAPE_MS = 400,        /* an escape sequence comes in one piece: bytes after a pause this long are other keys */
    REPLY_KEPT = 256,       /* the reply buffer in quiet times */
    REPLY_FULL = 2 * 1024,  /* with this many bytes of replies unsent, the client's next line waits */
    SBUF_KEPT = 2 * 1024,   /* sbuf in quiet times ... */
    SBUF_MAX = 16 * 1024,   /* ... and in a burst */
    TICK_MS = 50,           /* the shortest tick ... */
    TICK_LIMIT_MS = 200,    /* ... and the longest */
    TICK_BYTES = 16 * 1024, /* tokens that a tick brings: a sustained rate of 320 KB/s */
    BUSY_TICK_BYTES = 2 * 1024,   /* the same for a tick in which some Proactor was never idle */
    BUCKET_BYTES = LOG_BYTES / 4, /* the most tokens: a burst after a quiet time */
    MAX_DEFICIT = LOG_BYTES / 8,  /* how far the bucket may be overdrawn */
    CHARGE_BYTES = 128,           /* input is charged in advance, at least this much at a time */
    LINE_COST = 48,               /* charged for each line besides its bytes: its record, the name, waking the others */
    LIGHT_BYTES = 512,            /* a charge of at most this size, by an account ... */
    RESTED_MS = 500,              /* ... that has not been charged for this long, may overdraw the bucket */
    RETRY_MS = 10,                /* before the next try when the tick is late */
    REASON_BYTES = 128,           /* the reason for removing a member, with its NUL */
    REMOVE_MS = 150               /* how long the pending send to a removed member may still take */
};

/* Telnet's commands and options (RFC 854). */
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

/* The state of a telnet option on one side (RFC 1143): off; requested by the server and not answered yet; on. */
typedef enum OptionState { NO, WANTYES, YES } OptionState;

/* How much of an escape sequence has been received (ECMA-48). Keys and a terminal's answers are sent as such
 * sequences. */
typedef enum EscapeState {
    ESCAPE_NONE,
    ESCAPE_ALONE,     /* ESC came as the last byte of a segment: the key Esc, unless more follows at once */
    ESCAPE_FIRST,     /* after ESC */
    ESCAPE_CHARSET,   /* after ESC and intermediate bytes */
    ESCAPE_KEY,       /* after ESC O */
    ESCAPE_CONTROL,   /* after ESC [ */
    ESCAPE_NUMBER,    /* ... and digits */
    ESCAPE_REST,      /* ... and others that do not end it */
    ESCAPE_LINUX,     /* after ESC [ [ */
    ESCAPE_STRING,    /* after ESC ] or another byte that begins a string */
    ESCAPE_STRING_END /* ... and ESC, which is half of what ends it */
} EscapeState;

/* The client's terminal: telnet, the line that is being typed, and the private replies. */
typedef struct Terminal {
    TelnetState telnet;
    unsigned char verb;   /* of the telnet command that is being received: DO, DONT, WILL, WONT */
    ULONG sub_bytes;      /* bytes of the sub-negotiation that is being received ... */
    unsigned char sub[5]; /* ... and the first of them */
    OptionState echo;     /* the server shows what is typed */
    OptionState our_sga;  /* it suppresses "go ahead" */
    OptionState our_binary;
    OptionState peer_sga; /* the same for the client ... */
    OptionState peer_binary;
    OptionState peer_naws; /* ... which reports its terminal's width */
    ULONG width;           /* in columns; 0: unknown */
    bool negotiates;       /* the client has asked for options, or answered */
    bool known;            /* it is known whether the client sends lines or keys */
    bool cr;               /* the last byte was CR: an LF or NUL after it belongs to it */
    EscapeState escape;    /* a sequence's bytes are not kept */
    ULONGLONG received_at; /* when its last bytes came */
    UINT page;             /* the client's code page, CP_UTF8 for most */
    bool warned;           /* the client was told that some of its bytes are not text */

    ULONG line;        /* bytes of the unfinished line at the front of rbuf, as they were received */
    bool continued;    /* the front of that line has already gone out */
    ULONG drawn;       /* bytes of it that were echoed: whole characters */
    ULONG row, column; /* where the cursor is after those, counted from the line's beginning */

    char *reply; /* private replies and the echo */
    ULONG reply_len, reply_size;
    ULONG reply_out; /* bytes of it in the pending send; until that is complete, `reply` must not change */
} Terminal;

/* A talker's share of the room's token bucket. */
typedef struct Account {
    unsigned long tick;   /* the last one in which it asked */
    ULONGLONG charged_at; /* when it was last charged */
    long long credit;     /* bytes of work in that tick; below 0: its debt */
} Account;

typedef enum Presence { ABSENT, UNANNOUNCED, ANNOUNCED } Presence;

/* A member as the room sees it: guarded by cs. The owner may read nick and presence without cs, because only the owner
 * changes them. */
typedef struct Participant {
    struct Participant *next;
    LPSession session;
    ULONGLONG came; /* GetTickCount64 time */
    char nick[NICK_BYTES];
    WCHAR wide_nick[NICK_CHARS + 1];   /* the same in UTF-16 */
    unsigned long long joined, cursor; /* the ring buffer's head when it joined; the next byte to copy to it */
    unsigned long long end_mark;       /* it is leaving, and gets the messages up to here; 0: it stays */
    Account account;
    Presence presence;
    volatile LONG removed;     /* 1: the operator removes it; written under cs; Interlocked functions only */
    char reason[REASON_BYTES]; /* once removed: why, or "" */
} Participant;

/* What the chat knows about a session. Everything but `in_room` is used only by the owner. */
typedef struct Member {
    Participant in_room;
    Terminal terminal;
    ULONG next_byte, bytes_end; /* the bytes of rbuf that have been received but not yet parsed */
    LONG prepaid;               /* bytes of work that are charged but not yet done; below 0: done but not yet charged */
    const char *why;            /* why it is leaving; NULL: it stays */
    ULONGLONG remove_at;        /* once removed by the operator: the latest time to disconnect it; else 0 */
} Member;

/* Returns what the chat keeps for the session: NULL before opened(), or if opened() found no memory. Owner thread
 * only. */
static inline Member *member_of(LPSession session)
{
    return (Member *)session->state;
}

/* Returns the client's terminal; the member must exist. Owner thread only. */
static inline Terminal *terminal_of(LPSession session)
{
    return &member_of(session)->terminal;
}

#endif
