package cloze.cuda.cudnn;

import static cloze.cuda.launch.Arguments.address;

import cloze.cuda.driver.Driver;
import cloze.cuda.graph.CudaQueue;
import cloze.cuda.launch.Arguments;
import cloze.cuda.launch.Launcher;
import cloze.op.Conv2d;
import cloze.tensor.Tensor;
import java.util.OptionalLong;

/**
 * {@link Conv2d} by cuDNN. Own kernels do biases and their gradients, problems that cuDNN has no deterministic algorithm
 * for, tensors at addresses that are not multiples of 16, and in bf16 the gradient of the weight, which is f32 in Cloze and
 * bf16 in cuDNN.
 */
public final class CudnnConvolution {
    /** Own kernels: {@code forward} and {@code backward} do the whole op, the others parts of it. */
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

    /** A call of {@link Conv2d.Forward}. */
    public void forward(Arguments arguments) {
        synchronized (queue) {
            driver.enter();
            Tensor x = arguments.tensor("x");
            Tensor weight = arguments.tensor("weight");
            if (!run(CudnnDirection.FORWARD, x, weight, arguments.tensor("y"), false, window(arguments))) {
                own.forward.call(arguments);
            } else if (arguments.optional("bias") != null) {
                own.bias.call(arguments);
            }
        }
    }

    /** A call of {@link Conv2d.Backward}. */
    public void backward(Arguments arguments) {
        synchronized (queue) {
            driver.enter();
            Tensor x = arguments.tensor("x");
            Tensor weight = arguments.tensor("weight");
            Tensor dy = arguments.tensor("dy");
            Tensor dx = arguments.optional("dx");
            Tensor dweight = arguments.optional("dweight");
            Conv2d.Window window = window(arguments);
            boolean addX = (arguments.size("accumulate") & 1) != 0;
            boolean addWeight = (arguments.size("accumulate") & 2) != 0;
            Arguments rest = arguments;
            if (dx != null && run(CudnnDirection.INPUT, dx, weight, dy, addX, window)) {
                rest = rest.without("dx");
            }
            if (dweight != null && run(CudnnDirection.WEIGHT, x, dweight, dy, addWeight, window)) {
                rest = rest.without("dweight");
            }
            if (rest.optional("dx") != null) {
                own.backward.call(rest);
            } else if (rest.optional("dweight") != null) {
                own.weights.call(rest);
            } else if (rest.optional("dbias") != null) {
                own.columns.call(rest);
            }
        }
    }

    /** @return false if nothing was done, because cuDNN cannot do it */
    private boolean run(
            CudnnDirection direction, Tensor x, Tensor weight, Tensor y, boolean add, Conv2d.Window window) {
        boolean alike = x.dtype() == y.dtype() && weight.dtype() == y.dtype();
        boolean aligned = (address(x) | address(weight) | address(y)) % Cudnn.ALIGNMENT == 0;
        if (!alike || !aligned || x.bytes() == 0 || weight.bytes() == 0 || y.bytes() == 0) {
            return false;
        }
        var problem = new CudnnProblem(direction, y.dtype(), tf32, x.shape(), weight.shape(), y.shape(), window);
        OptionalLong workspace = library.workspace(problem);
        if (workspace.isEmpty()) {
            return false;
        }
        var call = new Cudnn.Call(
                problem, address(x), address(weight), address(y), add, queue.scratch(workspace.getAsLong()));
        queue.library(call, stream -> library.run(call, stream));
        return true;
    }

    private static Conv2d.Window window(Arguments arguments) {
        return new Conv2d.Window(
                Math.toIntExact(arguments.size("stride")),
                Math.toIntExact(arguments.size("padding")),
                Math.toIntExact(arguments.size("dilation")),
                Math.toIntExact(arguments.size("groups")));
    }
}
