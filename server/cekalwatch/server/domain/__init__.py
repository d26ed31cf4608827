"""The rules of the watchlist and of alerts. Pure: no gRPC, no database, no FAISS, no OpenCV."""
