package cloze.measure;

import java.util.List;
import java.util.stream.Collectors;

/**
 * One measured call of a subject; it can be repeated.
 *
 * @param name "forward", "backward", "forward+backward", "update" or "draw"
 */
public record Pass(String name, Cost cost, Runnable call) {
    /** All of them, one after the other, as one call; each cost is of the same kind. */
    static Pass together(List<Pass> passes) {
        String name = passes.stream().map(Pass::name).collect(Collectors.joining("+"));
        double flops = passes.stream().mapToDouble(pass -> pass.cost().flops()).sum();
        double bytes = passes.stream().mapToDouble(pass -> pass.cost().bytes()).sum();
        return new Pass(
                name,
                new Cost(flops, bytes),
                () -> passes.forEach(pass -> pass.call().run()));
    }
}
