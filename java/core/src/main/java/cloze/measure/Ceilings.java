package cloze.measure;

import cloze.autograd.Gradients;
import cloze.backend.Backend;
import cloze.op.Activation;
import cloze.op.Gelu;
import cloze.op.MatMul;
import cloze.tensor.Tensor;

/**
 * The peak rates of a device, as measured now.
 *
 * @param bytes a second, read and written: the better of a copy and of y = x + y
 * @param multiplyAdds operations a second of f32 multiply-adds in registers
 * @param matMul operations a second of a square matrix multiplication in the backend's precision
 * @param side of its matrices
 * @param call seconds until the call of a kernel returns to the host
 */
public record Ceilings(double bytes, double multiplyAdds, double matMul, int side, double call) {
    private static final int LITTLE = 32;

    /** @param seconds to spend on each */
    public static Ceilings measure(Backend backend, Shapes shapes, double seconds) {
        var watch = new Stopwatch(backend, seconds);
        return new Ceilings(
                bytes(backend, watch, shapes.copied),
                multiplyAdds(backend, watch, shapes),
                matMul(backend, watch, shapes.side),
                shapes.side,
                call(backend, watch));
    }

    private static double bytes(Backend backend, Stopwatch watch, int floats) {
        try (var in = new Inputs(backend)) {
            Tensor x = in.single("x", floats);
            Tensor y = in.single("y", floats);
            Gradients.Add add = backend.kernel(Gradients.Add.class);
            double copied = 2 * x.bytes() / watch.measure(() -> backend.copy(x, y));
            return Math.max(copied, 3 * x.bytes() / watch.measure(() -> add.call(x, y, floats)));
        }
    }

    private static double multiplyAdds(Backend backend, Stopwatch watch, Shapes shapes) {
        try (var in = new Inputs(backend)) {
            Tensor sums = in.single("sums", shapes.chains);
            Peak.MultiplyAdd kernel = backend.kernel(Peak.MultiplyAdd.class);
            return 2.0
                    * shapes.chains
                    * shapes.links
                    / watch.measure(() -> kernel.call(sums, shapes.chains, shapes.links));
        }
    }

    private static double matMul(Backend backend, Stopwatch watch, int side) {
        try (var in = new Inputs(backend)) {
            var op = new MatMul(in.real("x", side, side), in.real("weight", side, side), null, Activation.NONE);
            Pass pass = in.forward(op, Cost.ofFlops(2.0 * side * side * side));
            return pass.cost().flops() / watch.measure(pass.call());
        }
    }

    private static double call(Backend backend, Stopwatch watch) {
        try (var in = new Inputs(backend)) {
            var op = new Gelu(in.single("x", 1, LITTLE), Activation.GELU_TANH);
            return watch.untilReturn(in.forward(op, Cost.NONE).call());
        }
    }

    /** The larger of the two. */
    public double flops() {
        return Math.max(multiplyAdds, matMul);
    }

    /** Share of a ceiling that a call reaches; 0 if it has none. */
    public double share(Cost cost, double seconds) {
        return cost.flops() > 0 ? cost.flops() / seconds / flops() : cost.bytes() / seconds / bytes;
    }
}
