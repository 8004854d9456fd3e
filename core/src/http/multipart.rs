//! Forms with files: `multipart/form-data`.
