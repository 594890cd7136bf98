package file

import "sync"

const copyBufferBytes = 256 << 10

// buffers are used again: a tree of small files would else leave one behind for each of them.
var buffers = sync.Pool{New: func() any { return new([copyBufferBytes]byte) }}
