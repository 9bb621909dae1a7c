# Overlapped.h: the server takes longer to stop than Windows lets it when the window is closed (rule 5)
s/FINISH_MS = 800/FINISH_MS = 2650/
