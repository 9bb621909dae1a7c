# Proactor.cpp: a session is handed over to two windows
/^static bool proactor_hand_over/,/^}/s/^        proactor_put_in(other, session);/&\n        for (int i = 0; i < server->windows; i++) {\n            LPProactor third = \&server->proactors[i];\n            if (third != other \&\& third != proactor \&\& third->noc < WINDOW_SESSIONS) proactor_put_in(third, session);\n        }/
