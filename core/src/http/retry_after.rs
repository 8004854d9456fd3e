//! `Retry-After`, in seconds or as a date.
