package codec

// OpusSettings are what Tandem asks of libopus. Its defaults (SILK at 48 kHz, complexity 9) cost fourteen times as much as LowDelay.
type OpusSettings struct {
	Voice      bool // SILK with in-band FEC instead of CELT: for lossy links, at two to three times the cost
	Complexity int  // 0 to 10
	Bitrate    int  // bits per second
	LossPct    int  // expected packet loss in per cent; sizes the FEC of Voice
}

// The two ways Tandem runs Opus.
var (
	// LowDelay is CELT only: cheapest, 2.5 ms look-ahead, no FEC.
	LowDelay = OpusSettings{Complexity: 3, Bitrate: 32000}
	// Lossy is SILK with in-band FEC for links that lose 2 % of their packets or more.
	Lossy = OpusSettings{Voice: true, Complexity: 5, Bitrate: 24000, LossPct: 10}
)
