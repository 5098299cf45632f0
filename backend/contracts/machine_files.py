"""What a machine file may be: the limits that the service checks and that pages and documents state."""

MAX_WEIGHTS = 8_000_000
MAX_FILE_BYTES = 40_000_000  # MAX_WEIGHTS in float32, biases, a mask and a header
MAX_METADATA_BYTES = 20_000
LARGEST_PARAMETER = 10_000.0  # a trained machine stays below 100; beyond this, sums over units lose their digits
FLOAT_TYPES = ("F32", "F16")
REQUIRED_TENSORS = ("weight_matrix", "vbias", "hbias")
MASK = "mask"
