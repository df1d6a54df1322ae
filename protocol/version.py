"""The version numbers of the engine and of the protocol it speaks."""

ENGINE = "0.1.0"
PROTOCOL = 1
