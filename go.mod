module jobbox

go 1.24.0

require (
	github.com/eclipse/paho.mqtt.golang v1.5.1
	github.com/rogpeppe/go-internal v1.14.1
	github.com/valyala/fastjson v1.6.10
	golang.org/x/sys v0.40.0
)

require (
	github.com/gorilla/websocket v1.5.3 // indirect
	golang.org/x/net v0.44.0 // indirect
	golang.org/x/sync v0.17.0 // indirect
	golang.org/x/tools v0.26.0 // indirect
)

replace github.com/gorilla/websocket => ./third_party/websocket

replace golang.org/x/net => ./third_party/xnet
