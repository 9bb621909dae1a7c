# Main.cpp: nobody has a debt, and who asks first gets all that a tick brings
/^static void pace_charge/,/^}/s/^    member->allowance -= bytes;/    (void)member;/
s/^    room.share = room.tokens .*/    room.share = BUCKET;/
