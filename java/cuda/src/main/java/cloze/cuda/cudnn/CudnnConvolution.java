package cloze.cuda.cudnn;

import cloze.cuda.driver.Driver;
import cloze.cuda.graph.CudaQueue;
import cloze.cuda.launch.Launcher;
import cloze.op.Conv2d;
import cloze.tensor.Tensor;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;

/**
 * {@link Conv2d} by cuDNN. Biases and their gradients are own kernels. So is all that cuDNN has no deterministic algorithm
 * for, what lies at addresses that are no multiples of 16, and in bf16 the gradient of the weight, which is f32 here and
 * bf16 there.
 */
public final class CudnnConvolution implements Conv2d.Forward, Conv2d.Backward {
    /** Own kernels; {@code forward} and {@code backward} are whole. */
    public record Own(Launcher forward, Launcher bias, Launcher backward, Launcher weights, Launcher columns) {}

    private final Driver driver;
    private final CudaQueue queue;
    private final Cudnn library;
    private final boolean tf32;
    private final Own own;

    public CudnnConvolution(Driver driver, CudaQueue queue, Cudnn library, boolean tf32, Own own) {
        this.driver = driver;
        this.queue = queue;
        this.library = library;
        this.tf32 = tf32;
        this.own = own;
    }

    @Override
    public void call(
            Tensor x,
            Tensor weight,
            @Nullable Tensor bias,
            Tensor y,
            long b,
            long h,
            long w,
            long c,
            long m,
            long p,
            long q,
            long stride,
            long padding,
            long dilation,
            long groups) {
        synchronized (queue) {
            driver.enter();
            Conv2d.Window window = window(stride, padding, dilation, groups);
            boolean done = run(CudnnDirection.FORWARD, x, weight, y, false, window);
            Launcher rest = done ? own.bias : own.forward;
            if (!done || bias != null) {
                rest.call(x, weight, bias, y, b, h, w, c, m, p, q, stride, padding, dilation, groups);
            }
        }
    }

    @Override
    public void call(
            Tensor x,
            Tensor weight,
            Tensor dy,
            @Nullable Tensor dx,
            @Nullable Tensor dweight,
            @Nullable Tensor dbias,
            long b,
            long h,
            long w,
            long c,
            long m,
            long p,
            long q,
            long stride,
            long padding,
            long dilation,
            long groups,
            long accumulate) {
        synchronized (queue) {
            driver.enter();
            Conv2d.Window window = window(stride, padding, dilation, groups);
            boolean addX = (accumulate & 1) != 0;
            boolean addWeight = (accumulate & 2) != 0;
            Tensor restX = dx != null && run(CudnnDirection.INPUT, dx, weight, dy, addX, window) ? null : dx;
            Tensor restWeight =
                    dweight != null && run(CudnnDirection.WEIGHT, x, dweight, dy, addWeight, window) ? null : dweight;
            Launcher rest = restX != null ? own.backward : restWeight != null ? own.weights : own.columns;
            if (restX != null || restWeight != null || dbias != null) {
                rest.call(
                        x,
                        weight,
                        dy,
                        restX,
                        restWeight,
                        dbias,
                        b,
                        h,
                        w,
                        c,
                        m,
                        p,
                        q,
                        stride,
                        padding,
                        dilation,
                        groups,
                        accumulate);
            }
        }
    }

    /** @return false if it is not for cuDNN */
    private boolean run(
            CudnnDirection direction, Tensor x, Tensor weight, Tensor y, boolean add, Conv2d.Window window) {
        boolean alike = x.dtype() == y.dtype() && weight.dtype() == y.dtype();
        boolean aligned = (at(x) | at(weight) | at(y)) % Cudnn.ALIGNMENT == 0;
        if (!alike || !aligned || x.bytes() == 0 || weight.bytes() == 0 || y.bytes() == 0) {
            return false;
        }
        var problem = new CudnnProblem(direction, y.dtype(), tf32, x.shape(), weight.shape(), y.shape(), window);
        OptionalLong workspace = library.workspace(problem);
        if (workspace.isEmpty()) {
            return false;
        }
        var call = new Cudnn.Call(problem, at(x), at(weight), at(y), add, queue.scratch(workspace.getAsLong()));
        queue.library(call, stream -> library.run(call, stream));
        return true;
    }

    private static Conv2d.Window window(long stride, long padding, long dilation, long groups) {
        return new Conv2d.Window(
                Math.toIntExact(stride), Math.toIntExact(padding), Math.toIntExact(dilation), Math.toIntExact(groups));
    }

    private static long at(Tensor tensor) {
        return tensor.memory().address();
    }
}
