# Main.cpp: a failed accept ends the server
s/^\( *\)accept_failed(.*last_error);/\1break;/
