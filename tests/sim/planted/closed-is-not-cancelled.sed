# Proactor.cpp: a bare closesocket, after which only a send that ends with WSA_OPERATION_ABORTED counts as lost
/^void session_close/,/^}/s/^        bool pending = CancelIoEx.*/        bool pending = true;/
/^static int session_result/,/^}/s/^        return WSA_OPERATION_ABORTED;/        return overlapped->Internal == WSA_OPERATION_ABORTED ? WSA_OPERATION_ABORTED : 0;/
