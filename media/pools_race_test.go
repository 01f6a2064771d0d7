//go:build race

package media

// poolAllocs is what a packet may allocate because the race detector has sync.Pool forget things at random.
const poolAllocs = 2
