//! Content codings: what was gzip, brotli, zstd or deflate on the way.
