# chat/room.cpp: nobody has a debt, and who asks first gets all that a tick brings
s/^\( *\)member->allowance -= .*/\1;/
s/^    room.share = room.tokens .*/    room.share = BUCKET;/
