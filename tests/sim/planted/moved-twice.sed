# Proactor.cpp: a session migrates to two groups
/^static bool proactor_migrate/,/^}/s/^        proactor_put_in(other, session);/&\n        for (int i = 0; i < server->groups; i++) {\n            LPProactor third = \&server->proactors[i];\n            if (third != other \&\& third != proactor \&\& third->noc < GROUP_SESSIONS) proactor_put_in(third, session);\n        }/
