/* json.c - checks that the trace file is what its readers need: an array of objects, one per line. */
#include "sim.h"

enum { MAX_DEPTH = 8 };

typedef struct Json {
    const char *at, *end;
    const char *wrong; /* what was expected at `at`; NULL: nothing is wrong */
} Json;

static bool json_fails(Json *json, const char *expected)
{
    if (!json->wrong) json->wrong = expected;
    return false;
}

static bool json_skips(Json *json, const char *text)
{
    size_t length = strlen(text);

    if ((size_t)(json->end - json->at) < length || memcmp(json->at, text, length) != 0) return false;
    json->at += length;
    return true;
}

static bool json_digits(Json *json)
{
    const char *from = json->at;

    while (json->at < json->end && *json->at >= '0' && *json->at <= '9') json->at++;
    return json->at > from || json_fails(json, "a digit");
}

static bool json_escape(Json *json)
{
    if (json->at == json->end || !memchr("\"\\/bfnrtu", *json->at, 9)) return json_fails(json, "an escape");
    if (*json->at++ != 'u') return true;
    for (int i = 0; i < 4; i++, json->at++) {
        if (json->at == json->end || !memchr("0123456789abcdefABCDEF", *json->at, 22))
            return json_fails(json, "4 hexadecimal digits");
    }
    return true;
}

static bool json_string(Json *json)
{
    const char *from = json->at + 1;

    if (!json_skips(json, "\"")) return json_fails(json, "a string");
    while (json->at < json->end && *json->at != '"') {
        if ((unsigned char)*json->at < 0x20) return json_fails(json, "no control character in a string");
        if (*json->at++ == '\\' && !json_escape(json)) return false;
    }
    if (!text_is_utf8(from, (size_t)(json->at - from))) return json_fails(json, "UTF-8 before this");
    return json_skips(json, "\"") || json_fails(json, "the end of a string");
}

static bool json_number(Json *json)
{
    json_skips(json, "-");
    if (json_skips(json, "0")) return true;
    return json_digits(json) && (!json_skips(json, ".") || json_digits(json));
}

static bool json_value(Json *json, int depth);

static bool json_members(Json *json, bool object, int depth)
{
    const char *close = object ? "}" : "]";

    if (depth == MAX_DEPTH) return json_fails(json, "less depth");
    json->at++;
    if (json_skips(json, close)) return true;
    do {
        if (object && !json_string(json)) return false;
        if (object && !json_skips(json, ":")) return json_fails(json, "a colon");
        if (!json_value(json, depth + 1)) return false;
    } while (json_skips(json, ","));
    return json_skips(json, close) || json_fails(json, "a comma or the closing bracket");
}

static bool json_value(Json *json, int depth)
{
    char c = json->at < json->end ? *json->at : '\0';

    if (c == '{' || c == '[') return json_members(json, c == '{', depth);
    if (c == '"') return json_string(json);
    if (json_skips(json, "true") || json_skips(json, "false") || json_skips(json, "null")) return true;
    return json_number(json);
}

static bool json_lines(Json *json)
{
    if (json->end - json->at == 4 && json_skips(json, "[\n]\n")) return true; /* the disk took no event */
    if (!json_skips(json, "[\n")) return json_fails(json, "a line with a bracket alone");
    do {
        if (json->at == json->end || *json->at != '{') return json_fails(json, "an object");
        if (!json_value(json, 0)) return false;
    } while (json_skips(json, ",\n"));
    if (!json_skips(json, "\n]\n")) return json_fails(json, "a comma and a new line, or the end");
    return json->at == json->end || json_fails(json, "nothing behind the end");
}

bool json_check(const char *text, size_t count, char *why)
{
    Json json = { text, text + count, NULL };
    size_t here, shown;

    if (json_lines(&json)) return true;
    here = (size_t)(json.at - text);
    shown = here < 40 ? here : 40;
    text_write(why, 160, "%s expected at byte %zu of %zu, behind '%.*s'", json.wrong, here, count, (int)shown,
               json.at - shown);
    return false;
}
