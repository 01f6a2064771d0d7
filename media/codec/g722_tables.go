package codec

// Tables of ITU-T G.722 (tables 11, 14 to 17, 19 and 21 of the recommendation).

// g722Mirror is every second coefficient of the symmetric 24-tap quadrature mirror filter.
var g722Mirror = [12]int32{3, -11, 12, 32, -210, 951, 3876, -805, 362, -156, 53, -11}

// g722Decision holds the decision levels of the 60-level low-band quantiser (Q6).
var g722Decision = [30]int16{
	0, 35, 72, 110, 150, 190, 233, 276, 323, 370, 422, 473, 530, 587, 650,
	714, 786, 858, 940, 1023, 1121, 1219, 1339, 1458, 1612, 1765, 1980, 2195, 2557, 2919,
}

// g722Inv6, g722Inv4 and g722Inv2 are the inverse quantisers: low band in full (IL), low band without its two lowest bits (the
// predictor sees only these), and high band (IH).
var g722Inv6 = [64]int16{
	-136, -136, -136, -136, -24808, -21904, -19008, -16704,
	-14984, -13512, -12280, -11192, -10232, -9360, -8576, -7856,
	-7192, -6576, -6000, -5456, -4944, -4464, -4008, -3576,
	-3168, -2776, -2400, -2032, -1688, -1360, -1040, -728,
	24808, 21904, 19008, 16704, 14984, 13512, 12280, 11192,
	10232, 9360, 8576, 7856, 7192, 6576, 6000, 5456,
	4944, 4464, 4008, 3576, 3168, 2776, 2400, 2032,
	1688, 1360, 1040, 728, 432, 136, -432, -136,
}

var g722Inv4 = [16]int16{
	0, -20456, -12896, -8968, -6288, -4240, -2584, -1200,
	20456, 12896, 8968, 6288, 4240, 2584, 1200, 0,
}

var g722Inv2 = [4]int16{-7408, -1616, 7408, 1616}

// g722LogLow and g722LogHigh move the log scale by code (WL of RL4, WH of RH2).
var (
	g722LogLow  = [16]int16{-60, 3042, 1198, 538, 334, 172, 58, -30, 3042, 1198, 538, 334, 172, 58, -30, -60}
	g722LogHigh = [4]int16{798, -214, 798, -214}
)

// g722Scale is the mantissa of the scale by its log (ILB).
var g722Scale = [32]int16{
	2048, 2093, 2139, 2186, 2233, 2282, 2332, 2383, 2435, 2489, 2543, 2599, 2656, 2714, 2774, 2834,
	2896, 2960, 3025, 3091, 3158, 3228, 3298, 3371, 3444, 3520, 3597, 3676, 3756, 3838, 3922, 4008,
}
