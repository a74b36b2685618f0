module jobbox/sim

go 1.25.0
