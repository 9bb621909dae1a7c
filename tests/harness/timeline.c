/* timeline.c - a JSON validator, and the rules of a valid timeline. */
#include "timeline.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- JSON: a validator ---- */

static bool json_value(const char **text, int depth);

static void json_space(const char **text)
{
    *text += strspn(*text, " \t\r\n");
}

static bool json_char(const char **text, char c)
{
    json_space(text);
    if (**text != c) return false;
    ++*text;
    return true;
}

static bool json_string(const char **text)
{
    if (!json_char(text, '"')) return false;
    for (; **text != '"'; ++*text) {
        if ((unsigned char)**text < ' ' || **text == 0x7F) return false; /* no control characters; NUL is the end */
        if (**text != '\\') continue;
        ++*text;
        if (**text == 'u') {
            if (strspn(*text + 1, "0123456789abcdefABCDEF") < 4) return false;
            *text += 4;
        } else if (**text == '\0' || !strchr("\"\\/bfnrt", **text)) {
            return false;
        }
    }
    ++*text;
    return true;
}

static bool json_digits(const char **text)
{
    size_t digits = strspn(*text, "0123456789");

    *text += digits;
    return digits > 0;
}

static bool json_number(const char **text)
{
    if (**text == '-') ++*text;
    if (**text == '0' && (*text)[1] >= '0' && (*text)[1] <= '9') return false;
    if (!json_digits(text)) return false;
    if (**text == '.') {
        ++*text;
        if (!json_digits(text)) return false;
    }
    return **text != 'e' && **text != 'E'; /* we write no exponents */
}

/* Parses an object or an array, and all that is in it. */
static bool json_members(const char **text, bool object, int depth)
{
    char end = object ? '}' : ']';

    ++*text;
    if (json_char(text, end)) return true;
    do {
        if (object && !(json_string(text) && json_char(text, ':'))) return false;
        if (!json_value(text, depth + 1)) return false;
    } while (json_char(text, ','));
    return json_char(text, end);
}

static bool json_value(const char **text, int depth)
{
    json_space(text);
    if (depth > 8) return false;
    if (**text == '{' || **text == '[') return json_members(text, **text == '{', depth);
    if (**text == '"') return json_string(text);
    return json_number(text); /* true, false and null are not in a timeline */
}

/* Returns the value of a member of the (valid) object, or NULL. */
static const char *json_field(const char *object, const char *name)
{
    size_t length = strlen(name);

    do {
        bool found;
        object++; /* the brace or the comma */
        json_space(&object);
        found = strncmp(object + 1, name, length) == 0 && object[length + 1] == '"';
        if (!json_string(&object) || !json_char(&object, ':')) return NULL;
        json_space(&object);
        if (found) return object;
        if (!json_value(&object, 0)) return NULL;
        json_space(&object);
    } while (*object == ',');
    return NULL;
}

static long long json_integer(const char *object, const char *name)
{
    const char *value = json_field(object, name);

    return value ? strtoll(value, NULL, 10) : -1;
}

/* ---- the timeline ---- */

Timeline timeline;

static Lane *lane_find(long long process, long long number)
{
    Lane *lane = timeline.lanes;

    while (lane < timeline.lanes + timeline.count && (lane->process != process || lane->number != number)) lane++;
    if (lane == timeline.lanes + timeline.count) {
        if (timeline.count == MAX_LANES) return NULL;
        timeline.count++;
        memset(lane, 0, sizeof *lane);
        lane->process = process;
        lane->number = number;
    }
    return lane;
}

static bool begins(const char *value, const char *text)
{
    return value && strncmp(value + 1, text, strlen(text)) == 0;
}

/* Returns true if the string has the part in it, before any quote. */
static bool mentions(const char *value, const char *part)
{
    size_t length = strlen(part), end = strcspn(value + 1, "\"");

    for (size_t i = 1; i + length <= end + 1; i++) {
        if (strncmp(value + i, part, length) == 0) return true;
    }
    return false;
}

static void count_bar(long long process, const char *name, const char *step)
{
    if (process == SESSIONS) {
        if (begins(step, "recv_")) timeline.receives++;
        if (begins(step, "send_")) timeline.sends++;
        if (mentions(step, "pending")) timeline.pending++;
    } else if (mentions(name, "opened") || mentions(name, "received") || mentions(name, "sent")) {
        timeline.handlers++;
    }
}

/* Returns what is wrong with an event of a lane, or NULL. */
static const char *lane_event(Lane *lane, const char *event, char phase)
{
    long long now = json_integer(event, "ts");
    const char *args = json_field(event, "args"), *step = args ? json_field(args, "step") : NULL;

    if (now < lane->last) return "the time goes back";
    lane->last = now;
    if (!step) return "no step";
    if (phase == 'i') return json_field(event, "name") ? NULL : "no name";
    if (phase == 'B') {
        if (!json_field(event, "name")) return "no name";
        if (++lane->depth > (lane->process == SESSIONS ? 1 : MAX_DEPTH)) return "bars overlap";
        lane->bars++;
        count_bar(lane->process, json_field(event, "name"), step);
        return NULL;
    }
    if (phase != 'E') return "a phase that is none of B, E, i, M";
    return --lane->depth >= 0 ? NULL : "an end without a beginning";
}

static const char *timeline_event(const char *event)
{
    const char *phase = json_field(event, "ph"), *args = json_field(event, "args"), *name = json_field(event, "name");
    long long process = json_integer(event, "pid"), number = json_integer(event, "tid");
    Lane *lane;

    if (!phase || process < THREADS || process > SESSIONS) return "no phase or no process";
    if (begins(phase, "M") && !begins(name, "thread_name\"")) {
        if (begins(name, "process_name\"")) timeline.processes_named[process] = args && json_field(args, "name");
        return NULL;
    }
    lane = number < 0 ? NULL : lane_find(process, number);
    if (!lane) return "no lane";
    if (!begins(phase, "M")) return lane_event(lane, event, phase[1]);
    lane->named = args && json_field(args, "name");
    return NULL;
}

static const char *timeline_end(void)
{
    for (int i = 0; i < timeline.count; i++) {
        if (!timeline.lanes[i].named) return "a lane without a name";
        if (timeline.lanes[i].depth != 0) return "a bar that never ends";
    }
    return timeline.processes_named[THREADS] && timeline.processes_named[SESSIONS] ? NULL : "a process without a name";
}

/* Checks timeline.text. Returns NULL or what is wrong; *at is near that place. */
static const char *timeline_check(const char **at)
{
    const char *text = timeline.text, *wrong = NULL;

    *at = text;
    if (!json_char(&text, '[')) return "no array";
    do {
        json_space(&text);
        *at = text;
        if (*text != '{' || !json_value(&text, 0)) return "no valid JSON";
        wrong = timeline_event(*at);
    } while (!wrong && json_char(&text, ','));
    if (wrong) return wrong;
    *at = text;
    if (!json_char(&text, ']')) return "the array does not end";
    json_space(&text);
    return *text ? "more behind the array" : timeline_end();
}

static void file_remove(const char *path)
{
    WCHAR wide[MAX_PATH];

    MultiByteToWideChar(CP_UTF8, 0, path, -1, wide, MAX_PATH);
    _wremove(wide);
}

static bool file_read(const char *path)
{
    WCHAR wide[MAX_PATH];
    FILE *file;
    long size;

    MultiByteToWideChar(CP_UTF8, 0, path, -1, wide, MAX_PATH);
    file = _wfopen(wide, L"rb");

    if (!file) return false;
    fseek(file, 0, SEEK_END);
    size = ftell(file);
    rewind(file);
    timeline.text = (char *)malloc((size_t)size + 1);
    if (timeline.text) timeline.text[fread(timeline.text, 1, (size_t)size, file)] = '\0';
    fclose(file);
    return timeline.text != NULL;
}

void trace_file_options(char options[512], char path[MAX_PATH], const char *mode)
{
    char folder[MAX_PATH - 40];

    if (!GetTempPathA(sizeof folder, folder)) strcpy(folder, ".\\");
    snprintf(path, MAX_PATH, "%strace-%lu.json", folder, (unsigned long)GetCurrentProcessId());
    snprintf(options, 512, "%s --trace-file \"%s\"", mode, path);
}

static bool well_formed(const char *text)
{
    return MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, text, -1, NULL, 0) > 0;
}

bool timeline_read(const char *path)
{
    const char *wrong, *at = "";

    free(timeline.text);
    memset(&timeline, 0, sizeof timeline);
    wrong = file_read(path) ? timeline_check(&at) : "no file";
    if (!wrong && !well_formed(timeline.text)) wrong = "not well-formed UTF-8";
    if (wrong) printf("\n    %s at: %.200s", wrong, at);
    if (!wrong) file_remove(path);
    return wrong == NULL;
}
