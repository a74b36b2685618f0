package e2e

import (
	"os"
	"testing"

	"jobbox/sim/lab"
)

func TestMain(m *testing.M) { os.Exit(lab.Main(m)) }
