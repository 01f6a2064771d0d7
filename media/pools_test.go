//go:build !race

package media

const poolAllocs = 0
