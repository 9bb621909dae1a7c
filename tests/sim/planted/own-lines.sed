# chat/room.cpp: a message is given to its author too
s/if (record.author != session->id && /if (/
