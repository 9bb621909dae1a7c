# Overlapped.h: the server takes longer to stop than Windows allows when the window is closed
s/FINISH_MS = 800/FINISH_MS = 2650/
