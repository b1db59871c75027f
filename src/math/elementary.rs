//! Elementary functions that do not call the system's C library.
