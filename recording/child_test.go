package recording_test

func runChild(string) {}
