package attach

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
)

// measureJPEG walks a JPEG's segments (ITU-T T.81, annex B). The standard library's DecodeConfig tells neither what a progressive one will
// take, which is several times the picture, nor how the camera was held.
func measureJPEG(r io.Reader) (measured, error) {
	in := bufio.NewReader(r)
	m := measured{turn: 1}
	framed := false
	for {
		marker, err := nextMarker(in)
		if err != nil {
			if framed && m.scans > 0 {
				return m, nil // cut off: the decoder says what is missing
			}
			return m, err
		}
		switch {
		case marker == 0xd9: // EOI
			if !framed || m.scans == 0 {
				return m, errors.New("a JPEG without a picture")
			}
			return m, nil
		case marker == 0xd8 || marker == 0x01 || marker >= 0xd0 && marker <= 0xd7: // alone
			continue
		}
		body, err := segment(in, marker)
		if err != nil {
			return m, err
		}
		switch marker {
		case 0xe1: // APP1
			if t := exifTurn(body); t != 0 {
				m.turn = t
			}
		case 0xc0, 0xc1, 0xc2: // SOF
			if framed {
				return m, errors.New("a JPEG with two frames")
			}
			framed = true
			if err := m.frame(body, marker == 0xc2); err != nil {
				return m, err
			}
		case 0xda: // SOS
			m.scans++
		}
	}
}

// segment reads a marker's data, at most 64 KiB; of those that nobody looks at it only goes to the end.
func segment(in *bufio.Reader, marker byte) ([]byte, error) {
	var length [2]byte
	if _, err := io.ReadFull(in, length[:]); err != nil {
		return nil, err
	}
	n := int(binary.BigEndian.Uint16(length[:])) - 2
	if n < 0 {
		return nil, errors.New("a JPEG segment shorter than its length")
	}
	if marker != 0xe1 && marker != 0xc0 && marker != 0xc1 && marker != 0xc2 {
		_, err := in.Discard(n)
		return nil, err
	}
	body := make([]byte, n)
	_, err := io.ReadFull(in, body)
	return body, err
}

// nextMarker goes to the next marker, over the data of a scan where one has begun.
func nextMarker(in *bufio.Reader) (byte, error) {
	for {
		b, err := in.ReadByte()
		if err != nil {
			return 0, err
		}
		for b == 0xff {
			if b, err = in.ReadByte(); err != nil {
				return 0, err
			}
			if b != 0xff && b != 0 { // neither filling nor a stuffed byte
				return b, nil
			}
		}
	}
}

// frame reads a frame's header and sums up what its decoder will hold.
func (m *measured) frame(b []byte, progressive bool) error {
	if len(b) < 6 || len(b) < 6+3*int(b[5]) || b[5] == 0 || b[5] > 4 {
		return errors.New("a short JPEG frame")
	}
	m.height, m.width = int(binary.BigEndian.Uint16(b[1:])), int(binary.BigEndian.Uint16(b[3:]))
	samples, most := int64(0), int64(1)
	for i := range int(b[5]) {
		h, v := int64(b[7+3*i]>>4), int64(b[7+3*i]&15)
		samples += h * v
		most = max(most, h*v)
	}
	m.memory = int64(m.width+32) * int64(m.height+32) * samples / most
	if progressive {
		m.memory *= 5 // the coefficients as well, four bytes each
	}
	if b[5] == 4 {
		m.memory *= 2 // turned into another colour space
	}
	return nil
}

// exifTurn reads the orientation out of an APP1 segment (EXIF 2.32, 4.6; TIFF 6.0); 0: it says none.
func exifTurn(b []byte) int {
	if len(b) < 14 || string(b[:6]) != "Exif\x00\x00" {
		return 0
	}
	b = b[6:]
	var order binary.ByteOrder = binary.BigEndian
	if string(b[:2]) == "II" {
		order = binary.LittleEndian
	} else if string(b[:2]) != "MM" {
		return 0
	}
	at := uint64(order.Uint32(b[4:]))
	if at+2 > uint64(len(b)) {
		return 0
	}
	count := uint64(order.Uint16(b[at:]))
	for i := range count {
		e := at + 2 + 12*i
		if e+12 > uint64(len(b)) {
			return 0
		}
		if order.Uint16(b[e:]) == 0x0112 {
			if t := int(order.Uint16(b[e+8:])); t >= 1 && t <= 8 {
				return t
			}
			return 0
		}
	}
	return 0
}
