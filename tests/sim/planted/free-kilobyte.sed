# chat/chat.cpp: a refused author does another kilobyte of work each time it is notified (only floods)
/^static bool chat_prepay/,/^}/s/^    if (!rate_charge(session, (ULONG)missing)) return false;/    if (!rate_charge(session, (ULONG)missing)) {\n        member->prepaid += 1024;\n        return false;\n    }/
