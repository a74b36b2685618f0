package exec

func testInit() int { return 0 }
func testThread()   {}
