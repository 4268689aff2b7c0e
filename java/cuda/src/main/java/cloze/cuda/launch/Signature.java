package cloze.cuda.launch;

import cloze.backend.KernelName;
import cloze.tensor.Tensor;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.lang.reflect.Parameter;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/**
 * The parameters of a kernel, as its Java interface declares them.
 *
 * @param types a letter for each parameter
 */
public record Signature(List<String> names, String types) {
    /** The types of parameters: a tensor, a long, a float. */
    static final char TENSOR = 'T';

    static final char WHOLE = 'L';
    static final char REAL = 'F';

    /** @throws IllegalArgumentException if a parameter has a type that kernels cannot take */
    public static Signature of(Class<?> kernel) {
        var names = new ArrayList<String>();
        var types = new StringBuilder();
        for (Parameter parameter : method(kernel).getParameters()) {
            Class<?> type = parameter.getType();
            if (type != Tensor.class && type != long.class && type != float.class) {
                throw new IllegalArgumentException(
                        String.format(Locale.ROOT, "%s: a kernel can not take a %s", KernelName.of(kernel), type));
            }
            names.add(parameter.getName());
            types.append(type == Tensor.class ? TENSOR : type == long.class ? WHOLE : REAL);
        }
        return new Signature(List.copyOf(names), types.toString());
    }

    /** The one abstract method of a kernel's interface. */
    static Method method(Class<?> kernel) {
        return Arrays.stream(kernel.getMethods())
                .filter(candidate -> Modifier.isAbstract(candidate.getModifiers()))
                .findFirst()
                .orElseThrow(() -> new IllegalArgumentException(kernel + " declares no kernel"));
    }

    /** @throws IllegalStateException if there is no parameter of that name and type */
    int place(String name, char type) {
        int place = names.indexOf(name);
        if (place < 0 || types.charAt(place) != type) {
            throw new IllegalStateException(String.format(
                    Locale.ROOT,
                    "no %s '%s' among %s",
                    type == TENSOR ? "tensor" : type == WHOLE ? "size" : "number",
                    name,
                    names));
        }
        return place;
    }

    boolean isTensor(int place) {
        return types.charAt(place) == TENSOR;
    }

    /** The index of a tensor among the tensors. */
    int tensor(String name) {
        int place = place(name, TENSOR);
        int before = 0;
        for (int i = 0; i < place; i++) {
            before += isTensor(i) ? 1 : 0;
        }
        return before;
    }
}
