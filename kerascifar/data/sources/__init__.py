"""One reader per kind of source: strangers' files in, checked arrays out. Imports core; nothing read is executed."""
