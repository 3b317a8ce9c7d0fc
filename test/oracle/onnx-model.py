"""What the onnx package says of a model of ours.

usage: onnx-model.py MODEL COPY   checks MODEL, writes it again as COPY from the parsed message, prints what it holds
"""
import hashlib
import json
import sys

import onnx
from onnx import numpy_helper


def register_runtime_norm():
    """ONNX Runtime has this operator in the default domain, onnx does not know it: training graphs read its second result."""
    schema = onnx.defs.OpSchema
    formal = schema.FormalParameter
    onnx.defs.register_schema(schema(
        "SimplifiedLayerNormalization", "", 1,
        inputs=[formal("X", "T"), formal("scale", "T")],
        outputs=[formal("Y", "T"), formal("inv_std_var", "T", param_option=schema.FormalParameterOption.Optional)],
        type_constraints=[("T", ["tensor(float)"], "")],
        attributes=[
            schema.Attribute("axis", schema.AttrType.INT, required=False),
            schema.Attribute("epsilon", schema.AttrType.FLOAT, required=False),
            schema.Attribute("stash_type", schema.AttrType.INT, required=False),
        ],
    ))


def main():
    register_runtime_norm()
    path, copy = sys.argv[1:3]
    # By path, so that external data is checked as well. Shapes are inferred as far as the operators are known to onnx.
    onnx.checker.check_model(path, full_check=True)
    model = onnx.load(path)
    with open(path, "rb") as file:
        # A field that onnx's schema does not have would be lost or moved here.
        bare = onnx.ModelProto.FromString(file.read())
    again = onnx.ModelProto.FromString(bare.SerializeToString())
    onnx.save(model, copy)
    initializers = {}
    for tensor in model.graph.initializer:
        array = numpy_helper.to_array(tensor)
        digest = hashlib.sha256(array.tobytes()).hexdigest()
        initializers[tensor.name] = {"shape": list(array.shape), "dtype": str(array.dtype), "sha256": digest}
    print(json.dumps({
        "equal": again == bare,
        "inputs": [value.name for value in model.graph.input],
        "outputs": [value.name for value in model.graph.output],
        "opsets": {opset.domain: opset.version for opset in model.opset_import},
        "nodes": len(model.graph.node),
        "initializers": initializers,
    }))


main()
