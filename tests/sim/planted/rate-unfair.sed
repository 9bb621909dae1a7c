# chat/room.cpp: nobody has a debt, and the first to ask gets all that a tick brings
s/^\( *\)account->credit -= .*/\1;/
s/^    room.quantum = room.tokens .*/    room.quantum = BUCKET_BYTES;/
